-- Reads a channel.
--
-- ARGV[3]  after: what is after a position; last: the newest messages; head: no messages
-- ARGV[4]  how many messages at most
-- ARGV[5]  after: the position's epoch
-- ARGV[6]  after: the position's offset
--
-- Returns { epoch, offset of the newest message, why messages are lost or empty, entries of the stream }; the entries
-- of `last` are newest first.

local time = now()
local here = position(time, 0)
local limit = tonumber(ARGV[4])

-- Whoever asks for a channel keeps its position alive.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) / 2 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
dropOld(here.offset, time, here.ttl)

if ARGV[3] == 'after' then
  local after = tonumber(ARGV[6])
  if ARGV[5] ~= here.epoch then return { here.epoch, here.offset, 'epoch', {} } end
  if after > here.offset then return { here.epoch, here.offset, 'ahead', {} } end
  if after == here.offset then return { here.epoch, here.offset, '', {} } end
  if firstFrom(text(after + 1)) ~= after + 1 then return { here.epoch, here.offset, 'trimmed', {} } end
  if limit == 0 then return { here.epoch, here.offset, '', {} } end
  return { here.epoch, here.offset, '', redis.call('XRANGE', KEYS[2], text(after + 1), '+', 'COUNT', ARGV[4]) }
end

if ARGV[3] == 'last' and limit > 0 then
  return { here.epoch, here.offset, '', redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', ARGV[4]) }
end

return { here.epoch, here.offset, '', {} }
