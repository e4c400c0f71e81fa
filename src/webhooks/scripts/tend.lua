-- ARGV: node, version, backlog, how much time counts at most, how many end at once
local now = now_ms()
local looked = tonumber(redis.call('HGET', base .. ':clock', 'looked') or now)
local tended = tended_ms() + math.min(tonumber(ARGV[4]), math.max(0, now - looked))
redis.call('HSET', base .. ':clock', 'tended', text(tended), 'looked', text(now))
for _, key in ipairs(redis.call('ZRANGEBYSCORE', base .. ':ending', '-inf', text(tended), 'LIMIT', 0, ARGV[5])) do
  redis.call('ZREM', base .. ':ending', key)
  redis.call('HDEL', base .. ':held', key)
  append('events', ARGV[3], 'k', key, 'h', 0)
end
return (redis.call('HGET', base .. ':nodes', ARGV[1]) or '0') == ARGV[2] and 1 or 0
