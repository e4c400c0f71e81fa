-- A backend takes a user off channels.
--
-- KEYS[1]  set; see put-on.lua
-- ARGV[1]  how long it is remembered
-- ARGV[2]  of this session alone; empty: of the user, and of each of his sessions
-- ARGV[3…] the channels

local gone = {}
for i = 3, #ARGV do gone[ARGV[i]] = true end
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local channel, session = string.match(member, '^(%S+) ?(.*)$')
  if gone[channel] and (ARGV[2] == '' or ARGV[2] == session) then redis.call('SREM', KEYS[1], member) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
