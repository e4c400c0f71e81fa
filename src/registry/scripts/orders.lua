-- What was decided about users since a moment.
--
-- KEYS[1], KEYS[2]  see order.lua
-- ARGV[1]  the moment
-- ARGV[2]  how many are remembered
--
-- Returns { now, 1 if older ones may have been forgotten that were decided since, <kind><user>, up to where it applies, … }.

local since = tonumber(ARGV[1])
local found = redis.call('ZRANGEBYSCORE', KEYS[1], text(since), '+inf')
local full = 0
if #found >= tonumber(ARGV[2]) then full = 1 end
local answer = { text(now()), full }
for _, one in ipairs(found) do
  answer[#answer + 1] = one
  answer[#answer + 1] = redis.call('HGET', KEYS[2], one) or '0'
end
return answer
