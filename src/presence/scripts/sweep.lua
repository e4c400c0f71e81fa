-- Removes what nodes that are gone have left behind.
--
-- KEYS[1]  hash, who is in a channel; see write.lua
-- ARGV     the nodes

local gone = {}
for _, node in ipairs(ARGV) do gone[node] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if gone[string.match(field, '^[^ ]+')] then redis.call('HDEL', KEYS[1], field) end
end
return 1
