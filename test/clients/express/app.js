// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// An ordinary Express app: log in, look, log out. Nothing here knows that its sessions are not in
// Redis. node app.js redis|redis-resp3|ioredis STORE_PORT prints the port it listens on.
import express from 'express';
import session from 'express-session';

const [kind, storePort] = process.argv.slice(2);

async function redisStore(options) {
  const { createClient } = await import('redis');
  const { RedisStore } = await import('connect-redis');
  const socket = { host: '127.0.0.1', port: Number(storePort) };
  const client = createClient({ socket, ...options });
  client.on('error', (error) => console.error(`store: ${error.message}`));
  await client.connect();
  return new RedisStore({ client });
}

async function ioredisStore() {
  const { default: Redis } = await import('ioredis');
  const { default: RedisStore } = await import('connect-redis-7');
  const client = new Redis(Number(storePort), '127.0.0.1');
  client.on('error', (error) => console.error(`store: ${error.message}`));
  return new RedisStore({ client });
}

const makers = {
  redis: () => redisStore({}),
  'redis-resp3': () => redisStore({ RESP: 3 }),
  ioredis: ioredisStore,
};
const store = await makers[kind]();

const app = express();
app.use(express.json());
app.use(
  session({
    store,
    secret: 'a test has no secrets',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3600 * 1000 },
  }),
);

app.post('/login', (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = request.body.user;
    request.session.visits = 0;
    if (request.body.seconds) request.session.cookie.maxAge = request.body.seconds * 1000;
    response.json({ user: request.session.user, id: request.session.id });
  });
});

app.get('/me', (request, response) => {
  if (!request.session.user) return response.status(401).json({ error: 'not logged in' });
  request.session.visits += 1;
  response.json({ user: request.session.user, visits: request.session.visits });
});

// Reads the session without changing it: the store is asked to slide its expiry and nothing else.
app.get('/ping', (request, response) => {
  response.status(request.session.user ? 200 : 401).end();
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.status(204).end()));
});

// What the store knows of all sessions, found with SCAN and MGET.
app.get('/sessions', (request, response, next) => {
  store.all((error, sessions) => (error ? next(error) : response.json(sessions)));
});

app.use((error, request, response, next) => {
  console.error(`app: ${error.message}`);
  response.status(500).json({ error: error.message });
});

const listening = app.listen(0, '127.0.0.1', () => console.log(listening.address().port));
