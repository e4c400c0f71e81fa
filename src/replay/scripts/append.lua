-- Gives messages the next offsets and stores them, each once for its idempotency id: those of one channel or, where no other
-- server has a part of the keys, of several. Of a channel all of them or, where Redis refuses, none.
--
-- KEYS     three of each channel, the first two as above. The third is a hash, the ids that are remembered; unused without an
--          id. They stand in a queue, numbered as they came:
--            e    epoch that the offsets are of
--            h    number of the oldest id               t    number that the next id gets
--            n1   id with this number, and so on
--            iX   of the id X: <its number> <offset> <when it was stored>
-- ARGV[4]  how many ids are remembered
-- Then, for each channel:
--          the epoch of a new position                how long messages live
--          how many are kept                          how long ids are remembered; 0: not at all
--          the number of messages, and for each of them what is stored of it, and its id. No id is empty: such a message
--          has none.
--
-- Returns { epoch, offset of the first message, and so on }. Where the id was seen before, it is the offset of that time,
-- below zero. Of several channels, a list of these; where one of them failed it has { '', why } in its place.

local TRUST = 100
-- So many of the oldest ids are looked at when one comes: more than one, so that what has become old goes faster than it comes.
local LOOKS = 3
local KEYS_EACH = 3
local CHANNELS_AT = 5
local WORDS_EACH = 5

local time = now()
local idsMax = tonumber(ARGV[4])

local function parse(seen)
  local number, offset, stored = string.match(seen, '^(%d+) (%d+) (%d+)$')
  return tonumber(number), tonumber(offset), tonumber(stored)
end

-- Of the channel at hand: its position, and how long it remembers ids.
local here, idTtl
-- The numbers of its oldest id and of the next one.
local oldest, free

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

-- What the channel is given whose words begin here. `position` and its like look for its keys, and its epoch, in the first places.
local function append(at)
  here = position(time, TRUST)
  if not here then return unsettled() end
  local ttl, max = tonumber(ARGV[at + 1]), ARGV[at + 2]
  idTtl = tonumber(ARGV[at + 3])
  local head = here.offset
  local answer = { here.epoch }
  local remembered = false
  for message = at + WORDS_EACH, at + WORDS_EACH + 2 * (ARGV[at + 4] - 1), 2 do
    local id = ARGV[message + 1]
    local hasId = id ~= '' and idTtl > 0
    local first = hasId and offsetOf(id)
    if first then
      answer[#answer + 1] = -first
    else
      head = head + 1
      redis.call('XADD', KEYS[2], 'MAXLEN', max, text(head) .. '-' .. text(time), 'm', ARGV[message])
      if hasId then remember(id, head) end
      remembered = remembered or hasId
      answer[#answer + 1] = head
    end
  end
  if head == here.offset then return answer end

  local onDisk = KEEPS_ALL == here.generation
  if onDisk == here.onDisk then
    redis.call('HSET', KEYS[1], 'o', text(head))
  else
    redis.call('HSET', KEYS[1], 'o', text(head), 'd', onDisk and '1' or '0')
  end
  if remembered then redis.call('PEXPIRE', KEYS[3], text(idTtl)) end

  if ttl ~= here.ttl or time < here.swept or time - here.swept >= ttl / 2 then
    redis.call('HSET', KEYS[1], 's', text(time), 't', text(ttl))
    local first, older = firstYoung(head, time, ttl)
    if older then dropBefore(first, head, redis.call) end
    -- Until the next sweep the newest message may be half as young as its key.
    redis.call('PEXPIRE', KEYS[2], text(ttl * 2))
    redis.call('PEXPIRE', KEYS[1], text(math.max(tonumber(ARGV[2]), ttl * 4)))
  end
  return answer
end

local keys = { unpack(KEYS) }
if #keys == KEYS_EACH then
  ARGV[1] = ARGV[CHANNELS_AT]
  return append(CHANNELS_AT)
end
local answers = {}
local at = CHANNELS_AT
for first = 1, #keys, KEYS_EACH do
  KEYS[1], KEYS[2], KEYS[3] = keys[first], keys[first + 1], keys[first + 2]
  ARGV[1] = ARGV[at]
  local done, answer = pcall(append, at)
  if not done or answer.err then
    -- It may have failed while nothing was to be replicated.
    redis.set_repl(redis.REPL_ALL)
    answer = { '', type(answer) == 'table' and answer.err or tostring(answer) }
  end
  answers[#answers + 1] = answer
  at = at + WORDS_EACH + 2 * ARGV[at + 4]
end
return answers
