-- KEYS[1]  hash, the shelf; see shelf.lua
-- ARGV     the keys that are meant; none: all that there are
--
-- Returns { key, text, … } of what has not ended.

local time = now()
local all = {}
if #ARGV == 0 then
  all = redis.call('HGETALL', KEYS[1])
else
  local values = redis.call('HMGET', KEYS[1], unpack(ARGV))
  for i = 1, #ARGV do
    if values[i] then
      all[#all + 1] = ARGV[i]
      all[#all + 1] = values[i]
    end
  end
end
local kept = {}
for i = 1, #all, 2 do
  local ends, said = string.match(all[i + 1], '^(%d+) (.*)$')
  if ends and tonumber(ends) > time then
    kept[#kept + 1] = all[i]
    kept[#kept + 1] = said
  end
end
return kept
