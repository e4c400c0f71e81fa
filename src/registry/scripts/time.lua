-- What the scripts of the registry share; it stands in front of each of them. All times are milliseconds, by the clock
-- of this server.

local function text(number)
  -- Lua would write large numbers with an exponent.
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The time of an entry of a session (claim.lua) that takes the place of another one, or of none (''). It is also the number
-- of a claim: it grows, although two changes fall into one millisecond, or the clock was set back.
local function after(entry, time)
  return math.max(time, (tonumber(string.match(entry, '^%a(%d+)') or 0)) + 1)
end
