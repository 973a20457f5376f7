-- Brings rows. KEYS: the place, the rows. ARGV: the log, the position and the event that were reached, the position and the event
-- that are with these rows (none: more come), who is making them anew (nobody: none), for how long that counts, in
-- seconds; then for each row the account, its version, its value.
local place = redis.call('TYPE', KEYS[1]).ok == 'hash'
  and redis.call('HMGET', KEYS[1], 'log', 'position', 'event', 'building') or {}
local kind = redis.call('TYPE', KEYS[2]).ok
if not place[2] or (kind ~= 'hash' and kind ~= 'none') then return 'rebuild' end
if place[1] ~= ARGV[1] then return 'fork' end
if place[2] ~= ARGV[2] or place[3] ~= ARGV[3] or (place[4] or '') ~= ARGV[6] then return 'duplicate' end
for at = 8, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[2], ARGV[at])
  local version = known and tonumber(string.match(known, '^%d+')) or 0
  if version <= tonumber(ARGV[at + 1]) then redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2]) end
end
if ARGV[4] == '' then
  if ARGV[6] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[7]) end
  return 'applied'
end
redis.call('HSET', KEYS[1], 'position', ARGV[4], 'event', ARGV[5])
redis.call('HDEL', KEYS[1], 'building')
redis.call('PERSIST', KEYS[1])
return 'applied'
