-- KEYS[1]: a hash of one user: name -> when it ends, a blank, text. ARGV: what, …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] == 'drop' then return redis.call('DEL', KEYS[1]) end
if ARGV[1] == 'get' then
  local kept = redis.call('HGET', KEYS[1], ARGV[2])
  if not kept then return false end
  local blank = string.find(kept, ' ', 1, true)
  if tonumber(string.sub(kept, 1, blank - 1)) <= now then return false end
  return string.sub(kept, blank + 1)
end
local ttl = tonumber(ARGV[4])
redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', now + ttl) .. ' ' .. ARGV[3])
-- As long as the one that ends last.
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return 1
