-- What backends have put a user on.
--
-- KEYS[1]  set; see put-on.lua

return redis.call('SMEMBERS', KEYS[1])
