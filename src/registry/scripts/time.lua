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
