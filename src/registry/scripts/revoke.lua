-- Revokes a user's tokens up to a moment. An earlier revocation is never shortened nor taken back.
--
-- KEYS[1]  string, the moment up to which the user's tokens are revoked
-- ARGV[1]  the moment
-- ARGV[2]  how long it has to be remembered

local before = tonumber(redis.call('GET', KEYS[1]) or 0)
local left = redis.call('PTTL', KEYS[1])
redis.call(
  'SET', KEYS[1], text(math.max(before, tonumber(ARGV[1]))),
  'PX', text(math.max(left, tonumber(ARGV[2]), 1))
)
