-- KEYS[1]  hash, who is in a channel; see write.lua
-- ARGV[1]  how long it lives from now on
--
-- Returns all fields and values.

-- A server that takes no writes for a while has it all the same; one that was demoted is left.
local kept = redis.pcall('PEXPIRE', KEYS[1], ARGV[1])
if type(kept) == 'table' and kept.err and string.find(kept.err, 'READONLY', 1, true) then return kept end
return redis.call('HGETALL', KEYS[1])
