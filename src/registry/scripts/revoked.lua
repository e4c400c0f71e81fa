-- KEYS[1]  string, the moment up to which the user's tokens are revoked
--
-- Returns the moment, or empty.

return redis.call('GET', KEYS[1]) or ''
