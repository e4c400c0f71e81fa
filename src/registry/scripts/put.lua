-- Puts something on a shelf, and drops what has ended, or would end soonest where the shelf is full.
--
-- KEYS[1]  hash, the shelf; see shelf.lua
-- ARGV[1]  the key
-- ARGV[2]  the text
-- ARGV[3]  how long it is kept
-- ARGV[4]  how much a shelf holds

keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
