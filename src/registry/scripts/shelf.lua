-- What the scripts share that put something on a shelf: a hash, key -> <until when it is kept> <text>. What has ended is
-- dropped when the shelf is full; until then whoever reads passes it over.

local function keep(shelf, key, said, lasts, size)
  local time = now()
  redis.call('HSET', shelf, key, text(time + lasts) .. ' ' .. said)
  if redis.call('PTTL', shelf) < tonumber(lasts) then redis.call('PEXPIRE', shelf, lasts) end
  if redis.call('HLEN', shelf) <= tonumber(size) then return end
  local all = redis.call('HGETALL', shelf)
  local left, soonest, soonestTime = 0, nil, nil
  for i = 1, #all, 2 do
    local ends = tonumber(string.match(all[i + 1], '^%d+') or 0)
    if ends <= time then
      redis.call('HDEL', shelf, all[i])
    else
      left = left + 1
      if soonestTime == nil or ends < soonestTime then soonest, soonestTime = all[i], ends end
    end
  end
  if left > tonumber(size) then redis.call('HDEL', shelf, soonest) end
end

-- What is there and has not ended; nil: nothing.
local function found(shelf, key)
  local ends, said = string.match(redis.call('HGET', shelf, key) or '', '^(%d+) (.*)$')
  if ends and tonumber(ends) > now() then return said end
  return nil
end
