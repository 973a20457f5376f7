-- How far the rows have come, and who is making them anew. KEYS: the place.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {} end
local found = redis.call('HMGET', KEYS[1], 'log', 'position', 'event', 'building')
return { found[1] or '', found[2] or '', found[3] or '', found[4] or '' }
