-- Gives messages the next offsets and stores them, each once for its idempotency id. All of them or, where Redis refuses, none.
--
-- KEYS[3]  hash, the ids that are remembered; unused without an id. They stand in a queue, numbered as they came:
--            e    epoch that the offsets are of
--            h    number of the oldest id               t    number that the next id gets
--            n1   id with this number, and so on
--            iX   of the id X: <its number> <offset> <when it was stored>
-- ARGV[4]  how long messages live
-- ARGV[5]  how many messages are kept
-- ARGV[6]  how long ids are remembered; 0: not at all
-- ARGV[7]  how many ids are remembered
-- Then, for each message, what is stored of it, and its id. No id is empty: such a message has none.
--
-- Returns { epoch, offset of the first message, and so on }. Where the id was seen before, it is the offset of that time, below zero.

local TRUST = 100
-- So many of the oldest ids are looked at when one comes: more than one, so that what has become old goes faster than it comes.
local LOOKS = 3
local MESSAGES_AT = 8

local time = now()
local here = position(time, TRUST)
if not here then return unsettled() end
local ttl = tonumber(ARGV[4])
local idTtl, idsMax = tonumber(ARGV[6]), tonumber(ARGV[7])
local head = here.offset
-- The numbers of the oldest id and of the next one.
local oldest, free = 0, 0

local function parse(seen)
  local number, offset, stored = string.match(seen, '^(%d+) (%d+) (%d+)$')
  return tonumber(number), tonumber(offset), tonumber(stored)
end

-- The offset of the message that had this id; nothing where there is none.
local function offsetOf(id)
  local known = redis.call('HMGET', KEYS[3], 'e', 'h', 't', 'i' .. id)
  -- A message of an earlier epoch is lost: its repetition is the first one of this epoch.
  if known[1] ~= here.epoch then
    if known[1] then redis.call('UNLINK', KEYS[3]) end
    oldest, free = 0, 0
    return nil
  end
  oldest, free = tonumber(known[2]), tonumber(known[3])
  if not known[4] then return nil end
  local _, offset, stored = parse(known[4])
  return time - stored < idTtl and offset or nil
end

-- To be called after `offsetOf` has found none.
local function remember(id, offset)
  for _ = 1, LOOKS do
    if oldest == free then break end
    local place = 'n' .. text(oldest)
    local old = redis.call('HGET', KEYS[3], place)
    local seen = old and redis.call('HGET', KEYS[3], 'i' .. old)
    local number, stored
    if seen then number, _, stored = parse(seen) end
    -- One that has come again since then stands further back.
    if number ~= oldest then
      redis.call('HDEL', KEYS[3], place)
    elseif free - oldest >= idsMax or time - stored >= idTtl then
      redis.call('HDEL', KEYS[3], place, 'i' .. old)
    else
      break
    end
    oldest = oldest + 1
  end
  redis.call(
    'HSET', KEYS[3],
    'e', here.epoch, 'h', text(oldest), 't', text(free + 1),
    'n' .. text(free), id,
    'i' .. id, text(free) .. ' ' .. text(offset) .. ' ' .. text(time)
  )
end

local answer = { here.epoch }
local remembered = false
for at = MESSAGES_AT, #ARGV - 2, 2 do
  local id = ARGV[at + 1]
  local hasId = id ~= '' and idTtl > 0
  local first = hasId and offsetOf(id)
  if first then
    answer[#answer + 1] = -first
  else
    head = head + 1
    redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], text(head) .. '-' .. text(time), 'm', ARGV[at])
    if hasId then remember(id, head) end
    remembered = remembered or hasId
    answer[#answer + 1] = head
  end
end
if head == here.offset then return answer end

local onDisk = KEEPS_ALL == here.generation
if onDisk == here.onDisk then redis.call('HSET', KEYS[1], 'o', text(head))
else redis.call('HSET', KEYS[1], 'o', text(head), 'd', onDisk and '1' or '0') end
if remembered then redis.call('PEXPIRE', KEYS[3], ARGV[6]) end

if ttl ~= here.ttl or time < here.swept or time - here.swept >= ttl / 2 then
  redis.call('HSET', KEYS[1], 's', text(time), 't', ARGV[4])
  local first, older = firstYoung(head, time, ttl)
  if older then dropBefore(first, head, redis.call) end
  -- Until the next sweep the newest message may be half as young as its key.
  redis.call('PEXPIRE', KEYS[2], text(ttl * 2))
  redis.call('PEXPIRE', KEYS[1], text(math.max(tonumber(ARGV[2]), ttl * 4)))
end

return answer
