-- Puts something on a shelf where it takes the place of what whoever asks has seen there.
--
-- KEYS[1]  hash, the shelf; see shelf.lua
-- ARGV[1]  the key
-- ARGV[2]  the text
-- ARGV[3]  how long it is kept
-- ARGV[4]  how much a shelf holds
-- ARGV[5]  what is there; absent: nothing
--
-- Returns 1 if it was so and the text is there now, or 0; and the time.

local done = 0
if found(KEYS[1], ARGV[1]) == ARGV[5] then
  keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
  done = 1
end
return { done, text(now()) }
