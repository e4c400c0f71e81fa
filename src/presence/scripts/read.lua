-- KEYS[1]  hash, who is in a channel; see write.lua
-- ARGV[1]  how long it lives from now on
--
-- Returns all fields and values.

redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HGETALL', KEYS[1])
