// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// One application in three frameworks: log in, look, count, log out. Each function starts it on a
// port of the system's choice, and gives its address and a way to stop it.
import { once } from 'node:events';
import { createServer } from 'node:http';

const secret = 'a test has no secrets, but they are long enough';
const maxAge = 3600 * 1000;

async function listen(handler) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function expressApp(makeStore) {
  const { default: express } = await import('express');
  const { default: session } = await import('express-session');
  const app = express();
  app.use(express.json());
  app.use(
    session({
      store: await makeStore(session),
      secret,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge },
    }),
  );
  app.post('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.user = request.body.user;
      request.session.visits = 0;
      if (request.body.ms) request.session.cookie.maxAge = request.body.ms;
      response.json({});
    });
  });
  app.get('/me', (request, response) => {
    if (!request.session.user) return response.status(401).json({});
    request.session.visits += 1;
    response.json({ user: request.session.user, visits: request.session.visits });
  });
  // Looks, waits as long as it is told, and then saves what it added.
  app.get('/slow', async (request, response) => {
    if (!request.session.user) return response.status(401).json({});
    await request.app.locals.gate?.();
    request.session[request.query.field ?? 'slow'] = true;
    response.json({ fields: Object.keys(request.session) });
  });
  app.post('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json({})));
  });
  app.use((error, request, response, next) => response.status(500).json({ error: error.message }));
  return { ...(await listen(app)), app };
}

export async function koaApp(store) {
  const { default: Koa } = await import('koa');
  const koaSession = await import('koa-session');
  const session = koaSession.createSession ?? koaSession.default;
  const app = new Koa();
  app.keys = [secret];
  app.silent = true;
  app.use(session({ store, maxAge, key: 'koa.sess', prefix: 'koa:' }, app));
  app.use(async (context) => {
    const body = context.method === 'POST' ? await readJson(context.req) : {};
    if (context.path === '/login') {
      context.session = { user: body.user, visits: 0 };
      if (body.ms) context.session.maxAge = body.ms;
      context.body = {};
    } else if (context.path === '/logout') {
      context.session = null;
      context.body = {};
    } else if (!context.session.user) {
      context.status = 401;
      context.body = {};
    } else {
      context.session.visits += 1;
      context.body = { user: context.session.user, visits: context.session.visits };
    }
  });
  return listen(app.callback());
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

export async function fastifyApp(store) {
  const { default: Fastify } = await import('fastify');
  const { default: cookie } = await import('@fastify/cookie');
  const { default: session } = await import('@fastify/session');
  const app = Fastify();
  await app.register(cookie);
  await app.register(session, {
    secret,
    store,
    saveUninitialized: false,
    cookie: { secure: false, maxAge },
  });
  app.post('/login', async (request) => {
    await request.session.regenerate();
    request.session.user = request.body.user;
    request.session.visits = 0;
    if (request.body.ms) request.session.cookie.maxAge = request.body.ms;
    return {};
  });
  app.get('/me', async (request, reply) => {
    if (!request.session.user) return reply.status(401).send({});
    request.session.visits += 1;
    return { user: request.session.user, visits: request.session.visits };
  });
  app.post('/logout', async (request) => {
    await request.session.destroy();
    return {};
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  return { base, close: () => app.close() };
}
