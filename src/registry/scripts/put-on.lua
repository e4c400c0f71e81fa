-- A backend puts a user on channels.
--
-- KEYS[1]  set: <channel> of all sessions of the user, <channel> <session> of one
-- ARGV[1]  how long it is remembered
-- ARGV[2]  how many there may be
-- ARGV[3…] what is added
--
-- Returns 1, or 0 where there would be too many: nothing is added then.

local count = redis.call('SCARD', KEYS[1])
for i = 3, #ARGV do
  if redis.call('SISMEMBER', KEYS[1], ARGV[i]) == 0 then count = count + 1 end
end
if count > tonumber(ARGV[2]) then return 0 end
for i = 3, #ARGV do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
