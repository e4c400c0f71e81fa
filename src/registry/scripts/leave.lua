-- A node has left: what it held was detached at this moment.
--
-- KEYS[1]  hash, the nodes; see heartbeat.lua
-- ARGV[1]  the node

local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return end
local info = string.match(entry, '^%d+ %d (.*)$')
redis.call('HSET', KEYS[1], ARGV[1], text(now()) .. ' 1 ' .. (info or ''))
