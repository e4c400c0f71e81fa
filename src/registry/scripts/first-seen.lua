-- When a version was first named. It is kept for as long as somebody names it now and then.
--
-- KEYS[1]  hash, the versions: version -> <when first named> <when last>
-- ARGV[1]  the version
-- ARGV[2]  when it was first named, as whoever asks knows; 0: he does not
-- ARGV[3]  how long a version is kept after it was last named
-- ARGV[4]  how many versions are kept
--
-- Returns the moment.

local time = now()
local first = time
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and time - tonumber(string.match(before, '%d+$')) <= tonumber(ARGV[3]) then
  first = math.min(first, tonumber(string.match(before, '^%d+')))
end
if tonumber(ARGV[2]) > 0 then first = math.min(first, tonumber(ARGV[2])) end
redis.call('HSET', KEYS[1], ARGV[1], text(first) .. ' ' .. text(time))

local all = redis.call('HGETALL', KEYS[1])
local left, oldest, oldestTime = 0, nil, nil
for i = 1, #all, 2 do
  local last = tonumber(string.match(all[i + 1], '%d+$'))
  if time - last > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    left = left + 1
    if all[i] ~= ARGV[1] and (oldestTime == nil or last < oldestTime) then oldest, oldestTime = all[i], last end
  end
end
if left > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], oldest) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return text(first)
