-- Removes entries that mean nothing any more, unless they have changed meanwhile.
--
-- KEYS[1]  hash, the sessions of a user; see claim.lua
-- ARGV     session, entry, session, entry, …

for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
