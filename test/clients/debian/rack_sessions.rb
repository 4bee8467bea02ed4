# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# Rack sessions by redis-rack over redis-rb: rack_sessions.rb begin|end PORT PASSWORD cookies
require 'rack'
require 'rack/mock'
require 'redis'
require 'redis-rack'

phase, port, password, *cookies = ARGV

def make_app(port, password, seconds)
  work = lambda do |env|
    session = env['rack.session']
    case env['PATH_INFO']
    when %r{^/login/(.*)}
      session['user'] = Regexp.last_match(1)
      session['visits'] = 0
      [200, {}, ['']]
    when '/logout'
      session.destroy
      [200, {}, ['']]
    else
      next [200, {}, ['nobody']] unless session['user']
      session['visits'] += 1
      [200, {}, ["#{session['user']} #{session['visits']}"]]
    end
  end
  Rack::Session::Redis.new(work, redis_server: "redis://:#{password}@127.0.0.1:#{port}/2/rack",
                                 expire_after: seconds)
end

def ask(app, where, cookie = nil)
  options = cookie ? { 'HTTP_COOKIE' => "rack.session=#{cookie}" } : {}
  answer = Rack::MockRequest.new(app).get(where, options)
  raise "#{where}: #{answer.status}" unless answer.status == 200
  [answer.body, answer['Set-Cookie'].to_s[/rack\.session=([^;]*)/, 1] || cookie]
end

def check(expected, actual)
  return if expected == actual
  puts "expected #{expected}, got #{actual}"
  exit 1
end

if phase == 'begin'
  begin
    Redis.new(port: port.to_i, password: 'wrong').ping
    puts 'a wrong password was accepted'
    exit 1
  rescue Redis::BaseError
    # as it should be
  end
  users = { 'alice' => 3600, 'short' => 1, 'bob' => 3600 }
  ids = users.map { |user, age| ask(make_app(port, password, age), "/login/#{user}")[1] }
  app = make_app(port, password, 3600)
  check 'alice 1', ask(app, '/me', ids[0])[0]
  check 'alice 2', ask(app, '/me', ids[0])[0]
  sleep 1.2
  puts ids.join(' ')
else
  alice, short, bob = cookies
  app = make_app(port, password, 3600)
  check 'alice 3', ask(app, '/me', alice)[0]
  check 'nobody', ask(app, '/me', short)[0]
  ask(app, '/logout', alice)
  check 'nobody', ask(app, '/me', alice)[0]
  check 'bob 1', ask(app, '/me', bob)[0]
end
