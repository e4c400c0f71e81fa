-- ARGV: node, grace, how many at once. Answers whether there are more.
local held = base .. ':of:' .. ARGV[1]
for _, key in ipairs(redis.call('SPOP', held, ARGV[3])) do
  let_go(key, tonumber(ARGV[2]))
end
-- From now on the node itself is refused, and has to report anew.
redis.call('HDEL', base .. ':nodes', ARGV[1])
return redis.call('SCARD', held) > 0 and 1 or 0
