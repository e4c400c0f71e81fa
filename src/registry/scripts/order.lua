-- Keeps what was decided about a user, for nodes that were not told. A later decision of the same kind takes the place of the
-- one before; an earlier one is not taken back.
--
-- KEYS[1]  sorted set: <kind><user> by when it was decided
-- KEYS[2]  hash: <kind><user> -> up to where it applies
-- ARGV[1]  the kind (r: revoked, d: disconnected) and the user
-- ARGV[2]  up to where it applies
-- ARGV[3]  how long it has to be remembered
-- ARGV[4]  how many are remembered

local time = now()
local before = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
redis.call('ZADD', KEYS[1], text(time), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], text(math.max(before, tonumber(ARGV[2]))))
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(time - tonumber(ARGV[3])), 'LIMIT', 0, 100)
local over = redis.call('ZCARD', KEYS[1]) - #gone - tonumber(ARGV[4])
if over > 0 then
  for _, one in ipairs(redis.call('ZRANGE', KEYS[1], #gone, #gone + over - 1)) do gone[#gone + 1] = one end
end
for _, one in ipairs(gone) do
  redis.call('ZREM', KEYS[1], one)
  redis.call('HDEL', KEYS[2], one)
end
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, text(math.max(redis.call('PTTL', key), tonumber(ARGV[3]))))
end
