-- Enters a session again that may have been lost, and makes its hash live on. A session that somebody has claimed or
-- released since stays as it is.
--
-- KEYS[1]  hash, the sessions of a user; see claim.lua
-- ARGV[1]  the session
-- ARGV[2]  the node
-- ARGV[3]  how long the hash lives

redis.call('HSETNX', KEYS[1], ARGV[1], 'c' .. text(now()) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
