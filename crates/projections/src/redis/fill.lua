-- Rows of a generation that is being made. ARGV: for how long it is kept, in seconds; then the rows.
if redis.call('HEXISTS', KEYS[1], 'building') == 0 then return 'rebuild' end
change(2)
for at = 1, 6 do redis.call('EXPIRE', KEYS[at], ARGV[1]) end
return 'applied'
