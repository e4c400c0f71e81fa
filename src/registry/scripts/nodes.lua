-- KEYS[1]  hash, the nodes; see heartbeat.lua
--
-- Returns { now, 0, all nodes and entries }.

return { text(now()), 0, redis.call('HGETALL', KEYS[1]) }
