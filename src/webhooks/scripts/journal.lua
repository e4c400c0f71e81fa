-- ARGV: what, journal, …
local what, journal = ARGV[1], base .. ':j:' .. ARGV[2]
if what == 'nodes' then return redis.call('HKEYS', base .. ':nodes') end
if what == 'read' then return redis.call('XRANGE', journal, ARGV[3], '+', 'COUNT', ARGV[4]) end
if what == 'end' then
  local newest = redis.call('XREVRANGE', journal, '+', '-', 'COUNT', 1)
  local number = redis.call('HGET', base .. ':numbers', ARGV[2]) or '0'
  -- Of a journal that has been read to its end and trimmed the stream itself knows where that was.
  if #newest > 0 then return { newest[1][1], number } end
  if redis.call('EXISTS', journal) == 0 then return { '', number } end
  local info = redis.call('XINFO', 'STREAM', journal)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return { info[i + 1], number } end
  end
  return { '', number }
end
if what == 'cursors' then return redis.call('HGETALL', base .. ':c:' .. ARGV[2]) end
if what == 'cursor' then return redis.call('HSET', base .. ':c:' .. ARGV[2], ARGV[3], ARGV[4]) end
-- One behind it is the first that is kept.
return redis.call('XTRIM', journal, 'MINID', ARGV[3])
