-- Gives a message the next offset and stores it, once for each idempotency id.
--
-- KEYS[3]  string, where the first message with this id is: <epoch> <offset>; unused without an id
-- ARGV[3]  how long messages live
-- ARGV[4]  how many messages are kept
-- ARGV[5]  how long the id is remembered; 0: there is no id
-- ARGV[6]  the message
--
-- Returns { epoch, offset, 1 if the id was seen before }.

local TRUST = 100

local time = now()
local here = position(time, TRUST)
local ttl = tonumber(ARGV[3])
local hasId = ARGV[5] ~= '0'

if hasId then
  local first = redis.call('GET', KEYS[3])
  if first then
    local epoch, offset = string.match(first, '^(%w+) (%d+)$')
    -- A message of an earlier epoch is lost: its repetition is the first one of this epoch.
    if epoch == here.epoch then return { epoch, tonumber(offset), 1 } end
  end
end

local offset = here.offset + 1
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], text(offset) .. '-' .. text(time), 'm', ARGV[6])
redis.call('HSET', KEYS[1], 'o', text(offset))
if hasId then redis.call('SET', KEYS[3], here.epoch .. ' ' .. text(offset), 'PX', ARGV[5]) end

if ttl ~= here.ttl or time < here.swept or time - here.swept >= ttl / 2 then
  redis.call('HSET', KEYS[1], 's', text(time), 't', ARGV[3])
  dropOld(offset, time, ttl)
  -- Until the next sweep the newest message may be half as young as its key.
  redis.call('PEXPIRE', KEYS[2], text(ttl * 2))
  redis.call('PEXPIRE', KEYS[1], text(math.max(tonumber(ARGV[2]), ttl * 4)))
end

return { here.epoch, offset, 0 }
