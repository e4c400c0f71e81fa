-- ARGV: node, after, version, backlog, then key, held (1 or 0), grace for each change
local node, after, version, backlog = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if (redis.call('HGET', base .. ':nodes', node) or '0') ~= after then return 0 end
redis.call('HSET', base .. ':nodes', node, version)
for i = 5, #ARGV, 3 do
  local key, held, grace_ms = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if held == '1' then
    hold(node, key, backlog)
  elseif redis.call('SREM', base .. ':of:' .. node, key) == 1 then
    let_go(key, grace_ms)
  end
end
return 1
