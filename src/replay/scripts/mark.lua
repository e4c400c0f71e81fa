-- Raises the mark by which nodes see that a server has come back with less than it had confirmed.
--
-- KEYS[1]  the mark, a number
--
-- Returns what it was before.

return redis.call('INCR', KEYS[1]) - 1
