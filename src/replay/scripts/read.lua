-- Reads a channel. What it tidies up meanwhile may be refused: a server without memory, a disk or the replicas that it
-- needs takes no writes for a while, and has its messages all the same. Only a position that is not there cannot be
-- made then, and the call fails.
--
-- ARGV[4]  after: what is after a position; last: the newest messages; head: no messages
-- ARGV[5]  how many messages at most
-- ARGV[6]  after: the position's epoch
-- ARGV[7]  after: the position's offset
--
-- Returns { epoch, offset of the newest message, why messages are lost or empty, entries of the stream }; the entries
-- of `last` are newest first.

local time = now()
local here = position(time, 0)
if not here then return unsettled() end
local limit = tonumber(ARGV[5])

-- Whoever asks for a channel keeps its position alive. Where nobody has published to it, a name is all that it takes to
-- make one: it lives on for as long again as it was asked for, so that many names cost nobody but who stays on them.
local life = tonumber(ARGV[2])
if here.ttl == 0 then life = math.min(life, math.max(tonumber(ARGV[3]), time - here.made)) end
if redis.call('PTTL', KEYS[1]) < life * 3 / 4 then redis.pcall('PEXPIRE', KEYS[1], text(life)) end
local first, older = firstYoung(here.offset, time, here.ttl)
if older then dropBefore(first, here.offset, redis.pcall) end

if ARGV[4] == 'after' then
  local after = tonumber(ARGV[7])
  if ARGV[6] ~= here.epoch then return { here.epoch, here.offset, 'epoch', {} } end
  if after > here.offset then return { here.epoch, here.offset, 'ahead', {} } end
  if after == here.offset then return { here.epoch, here.offset, '', {} } end
  if after + 1 < first then return { here.epoch, here.offset, 'trimmed', {} } end
  if limit == 0 then return { here.epoch, here.offset, '', {} } end
  return { here.epoch, here.offset, '', redis.call('XRANGE', KEYS[2], text(after + 1), '+', 'COUNT', ARGV[5]) }
end

if ARGV[4] == 'last' and limit > 0 and first <= here.offset then
  return { here.epoch, here.offset, '', redis.call('XREVRANGE', KEYS[2], '+', text(first), 'COUNT', ARGV[5]) }
end

return { here.epoch, here.offset, '', {} }
