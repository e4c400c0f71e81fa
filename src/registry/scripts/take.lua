-- Takes something off a shelf.
--
-- KEYS[1]  hash, the shelf; see put.lua
-- ARGV[1]  the key
--
-- Returns 1 if it was there, and had not ended.

local time = now()
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
if before and tonumber(string.match(before, '^%d+') or 0) > time then return 1 end
return 0
