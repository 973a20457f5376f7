-- A range of events, all of it or none. ARGV: the log, the first position and the last, the event before the first, the
-- last event; then the changes.
local place = redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('HMGET', KEYS[1], 'log', 'position', 'event') or {}
local position, first, last = tonumber(place[2] or ''), tonumber(ARGV[2]), tonumber(ARGV[3])
if not position or not all_hashes() then return 'rebuild' end
if place[1] ~= ARGV[1] then return 'fork' end
if last < position then return 'duplicate' end
if last == position then return place[3] == ARGV[5] and 'duplicate' or 'fork' end
if first > position + 1 then return 'gap' end
if first == position + 1 and place[3] ~= ARGV[4] then return 'fork' end
change(6)
redis.call('HSET', KEYS[1], 'position', ARGV[3], 'event', ARGV[5])
return 'applied'
