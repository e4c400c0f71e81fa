-- Gives a message the next offset and stores it, once for each idempotency id.
--
-- KEYS[3]  hash, the ids that are remembered; unused without an id. They stand in a queue, numbered as they came:
--            e    epoch that the offsets are of
--            h    number of the oldest id               t    number that the next id gets
--            n1   id with this number, and so on
--            iX   of the id X: <its number> <offset> <when it was stored>
-- ARGV[4]  how long messages live
-- ARGV[5]  how many messages are kept
-- ARGV[6]  how long the id is remembered; 0: there is no id
-- ARGV[7]  the message
-- ARGV[8]  the id
-- ARGV[9]  how many ids are remembered
--
-- Returns { epoch, offset, 1 if the id was seen before }.

local TRUST = 100
-- So many of the oldest ids are looked at when one comes: more than one, so that what has become old goes faster than it comes.
local LOOKS = 3

local time = now()
local here = position(time, TRUST)
if not here then return unsettled() end
local ttl = tonumber(ARGV[4])
local hasId = ARGV[6] ~= '0'
local oldest, free = 0, 0

local function parse(seen)
  local number, offset, stored = string.match(seen, '^(%d+) (%d+) (%d+)$')
  return tonumber(number), tonumber(offset), tonumber(stored)
end

if hasId then
  local known = redis.call('HMGET', KEYS[3], 'e', 'h', 't', 'i' .. ARGV[8])
  -- A message of an earlier epoch is lost: its repetition is the first one of this epoch.
  if known[1] == here.epoch then
    oldest, free = tonumber(known[2]), tonumber(known[3])
    if known[4] then
      local _, offset, stored = parse(known[4])
      if time - stored < tonumber(ARGV[6]) then return { here.epoch, offset, 1 } end
    end
  elseif known[1] then
    redis.call('UNLINK', KEYS[3])
  end
end

local offset = here.offset + 1
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], text(offset) .. '-' .. text(time), 'm', ARGV[7])
redis.call('HSET', KEYS[1], 'o', text(offset))
local onDisk = KEEPS_ALL == here.generation
if onDisk ~= here.onDisk then redis.call('HSET', KEYS[1], 'd', onDisk and '1' or '0') end

if hasId then
  for _ = 1, LOOKS do
    if oldest == free then break end
    local place = 'n' .. text(oldest)
    local id = redis.call('HGET', KEYS[3], place)
    local seen = id and redis.call('HGET', KEYS[3], 'i' .. id)
    local number, stored
    if seen then number, _, stored = parse(seen) end
    -- One that has come again since then stands further back.
    if number ~= oldest then
      redis.call('HDEL', KEYS[3], place)
    elseif free - oldest >= tonumber(ARGV[9]) or time - stored >= tonumber(ARGV[6]) then
      redis.call('HDEL', KEYS[3], place, 'i' .. id)
    else
      break
    end
    oldest = oldest + 1
  end
  redis.call(
    'HSET', KEYS[3],
    'e', here.epoch, 'h', text(oldest), 't', text(free + 1),
    'n' .. text(free), ARGV[8],
    'i' .. ARGV[8], text(free) .. ' ' .. text(offset) .. ' ' .. text(time)
  )
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end

if ttl ~= here.ttl or time < here.swept or time - here.swept >= ttl / 2 then
  redis.call('HSET', KEYS[1], 's', text(time), 't', ARGV[4])
  local first, older = firstYoung(offset, time, ttl)
  if older then dropBefore(first, offset, redis.call) end
  -- Until the next sweep the newest message may be half as young as its key.
  redis.call('PEXPIRE', KEYS[2], text(ttl * 2))
  redis.call('PEXPIRE', KEYS[1], text(math.max(tonumber(ARGV[2]), ttl * 4)))
end

return { here.epoch, offset, 0 }
