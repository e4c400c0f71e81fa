-- KEYS[1]  hash, the shelf; see put.lua
--
-- Returns { key, text, … } of what has not ended.

local time = now()
local all = redis.call('HGETALL', KEYS[1])
local kept = {}
for i = 1, #all, 2 do
  local ends, said = string.match(all[i + 1], '^(%d+) (.*)$')
  if ends and tonumber(ends) > time then
    kept[#kept + 1] = all[i]
    kept[#kept + 1] = said
  end
end
return kept
