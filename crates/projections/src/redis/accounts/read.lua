-- One row. KEYS: the rows. ARGV: the account.
local value = redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('HGET', KEYS[1], ARGV[1])
if not value then return {} end
return { value }
