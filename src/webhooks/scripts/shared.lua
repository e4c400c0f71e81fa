-- The store of webhooks: all keys begin with KEYS[1], whose braces keep them in one slot.
--   :nodes    hash: node -> version of its last report
--   :of:NODE  set: what the node holds
--   :held     hash: what is held, or was and has not ended -> by how many nodes
--   :ending   sorted set: what nobody holds -> when it ends, by the time that was tended
--   :clock    hash: tended, looked (ms)
--   :numbers  hash: journal -> number of its newest entry
--   :j:NAME   stream: a journal
local base = KEYS[1]

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

local function tended_ms()
  return tonumber(redis.call('HGET', base .. ':clock', 'tended') or '0')
end

local function append(journal, backlog, ...)
  local number = redis.call('HINCRBY', base .. ':numbers', journal, 1)
  redis.call('XADD', base .. ':j:' .. journal, 'MAXLEN', '~', backlog, '*', 'n', number, ...)
end

local function hold(node, key, backlog)
  if redis.call('SADD', base .. ':of:' .. node, key) == 0 then return end
  local known = redis.call('HEXISTS', base .. ':held', key)
  redis.call('HINCRBY', base .. ':held', key, 1)
  redis.call('ZREM', base .. ':ending', key)
  if known == 0 then append('events', backlog, 'k', key, 'h', 1) end
end

local function let_go(key, grace_ms)
  if redis.call('HINCRBY', base .. ':held', key, -1) > 0 then return end
  redis.call('HSET', base .. ':held', key, 0)
  redis.call('ZADD', base .. ':ending', text(tended_ms() + grace_ms), key)
end
