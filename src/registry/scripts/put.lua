-- Puts something on a shelf, and drops what has ended, or would end soonest where the shelf is full.
--
-- KEYS[1]  hash, the shelf: key -> <until when it is kept> <text>
-- ARGV[1]  the key
-- ARGV[2]  the text
-- ARGV[3]  how long it is kept
-- ARGV[4]  how much a shelf holds

local time = now()
redis.call('HSET', KEYS[1], ARGV[1], text(time + ARGV[3]) .. ' ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
local left, latest, soonest, soonestTime = 0, time, nil, nil
for i = 1, #all, 2 do
  local ends = tonumber(string.match(all[i + 1], '^%d+'))
  if ends <= time then
    redis.call('HDEL', KEYS[1], all[i])
  else
    left = left + 1
    latest = math.max(latest, ends)
    if soonestTime == nil or ends < soonestTime then soonest, soonestTime = all[i], ends end
  end
end
if left > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], soonest) end
redis.call('PEXPIREAT', KEYS[1], text(latest))
