# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
# The session store that a course on concurrent systems sets as its capstone, written as it is
# described there: a GenServer for each session with its data, times and ttl; a cache that creates
# and finds them and monitors each; three database workers chosen by hash; a statistics server that
# everybody tells. What Greenroom is compared with beside Redis.
#
#   elixir --erl "+P 2000000" session_store.exs SESSIONS SECONDS
#
# Prints bytes for each session, sessions created a second, and calls a second of a put and a get
# through cache and session, with as many clients as a small web server has.
defmodule SessionStore.Session do
  use GenServer

  defstruct [:session_id, :data, :created_at, :last_accessed, :ttl]

  def start_link(session_id, ttl \\ 3600), do: GenServer.start_link(__MODULE__, {session_id, ttl})
  def get(pid, key), do: GenServer.call(pid, {:get, key})
  def put(pid, key, value), do: GenServer.cast(pid, {:put, key, value})
  def all_data(pid), do: GenServer.call(pid, :all_data)
  def touch(pid), do: GenServer.cast(pid, :touch)

  @impl GenServer
  def init({session_id, ttl}) do
    now = DateTime.utc_now()
    check_in(ttl)

    {:ok,
     %__MODULE__{session_id: session_id, data: %{}, created_at: now, last_accessed: now, ttl: ttl}}
  end

  @impl GenServer
  def handle_call({:get, key}, _from, session) do
    {:reply, Map.get(session.data, key), accessed(session)}
  end

  def handle_call(:all_data, _from, session), do: {:reply, session.data, session}

  @impl GenServer
  def handle_cast({:put, key, value}, session) do
    {:noreply, accessed(%{session | data: Map.put(session.data, key, value)})}
  end

  def handle_cast(:touch, session), do: {:noreply, accessed(session)}

  @impl GenServer
  def handle_info(:check_expiration, session) do
    idle = DateTime.diff(DateTime.utc_now(), session.last_accessed)

    if idle >= session.ttl do
      {:stop, :normal, session}
    else
      check_in(session.ttl - idle)
      {:noreply, session}
    end
  end

  defp accessed(session), do: %{session | last_accessed: DateTime.utc_now()}
  defp check_in(seconds), do: Process.send_after(self(), :check_expiration, seconds * 1000)
end

defmodule SessionStore.Cache do
  use GenServer

  def start_link, do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  def create_session(session_id, ttl \\ 3600) do
    GenServer.call(__MODULE__, {:create_session, session_id, ttl}, :infinity)
  end

  def get_session(session_id), do: GenServer.call(__MODULE__, {:get_session, session_id})
  def delete_session(session_id), do: GenServer.call(__MODULE__, {:delete_session, session_id})
  def active_sessions, do: GenServer.call(__MODULE__, :active_sessions)

  @impl GenServer
  def init(_) do
    {:ok, _} = SessionStore.Database.start_link()
    {:ok, %{sessions: %{}, monitors: %{}}}
  end

  @impl GenServer
  def handle_call({:create_session, session_id, ttl}, _from, state) do
    case state.sessions do
      %{^session_id => pid} ->
        {:reply, {:ok, pid}, state}

      _ ->
        {:ok, pid} = SessionStore.Session.start_link(session_id, ttl)
        ref = Process.monitor(pid)
        sessions = Map.put(state.sessions, session_id, pid)
        monitors = Map.put(state.monitors, ref, session_id)
        {:reply, {:ok, pid}, %{state | sessions: sessions, monitors: monitors}}
    end
  end

  def handle_call({:get_session, session_id}, _from, state) do
    case Map.fetch(state.sessions, session_id) do
      {:ok, pid} -> {:reply, {:ok, pid}, state}
      :error -> {:reply, :not_found, state}
    end
  end

  def handle_call({:delete_session, session_id}, _from, state) do
    case Map.fetch(state.sessions, session_id) do
      {:ok, pid} ->
        Process.exit(pid, :shutdown)
        {:reply, :ok, state}

      :error ->
        {:reply, {:error, :not_found}, state}
    end
  end

  def handle_call(:active_sessions, _from, state), do: {:reply, Map.keys(state.sessions), state}

  @impl GenServer
  def handle_info({:DOWN, ref, :process, _pid, _reason}, state) do
    {session_id, monitors} = Map.pop(state.monitors, ref)
    {:noreply, %{state | sessions: Map.delete(state.sessions, session_id), monitors: monitors}}
  end
end

defmodule SessionStore.DatabaseWorker do
  use GenServer

  def start_link(argument), do: GenServer.start_link(__MODULE__, argument)
  def save(pid, session_id, data), do: GenServer.cast(pid, {:save, session_id, data})
  def load(pid, session_id), do: GenServer.call(pid, {:load, session_id})

  @impl GenServer
  def init({index, folder}), do: {:ok, %{index: index, folder: folder}}

  @impl GenServer
  def handle_cast({:save, session_id, data}, state) do
    File.write!(file(state, session_id), :erlang.term_to_binary(data))
    {:noreply, state}
  end

  @impl GenServer
  def handle_call({:load, session_id}, _from, state) do
    case File.read(file(state, session_id)) do
      {:ok, binary} -> {:reply, {:ok, :erlang.binary_to_term(binary)}, state}
      {:error, :enoent} -> {:reply, :not_found, state}
    end
  end

  defp file(state, session_id), do: Path.join(state.folder, "#{session_id}.session")
end

defmodule SessionStore.Database do
  use GenServer

  @folder "./sessions"
  @pool_size 3

  def start_link, do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def save(id, data), do: SessionStore.DatabaseWorker.save(choose_worker(id), id, data)
  def load(id), do: SessionStore.DatabaseWorker.load(choose_worker(id), id)

  @impl GenServer
  def init(_) do
    File.mkdir_p!(@folder)

    workers =
      for index <- 0..(@pool_size - 1), into: %{} do
        {:ok, pid} = SessionStore.DatabaseWorker.start_link({index, @folder})
        {index, pid}
      end

    {:ok, workers}
  end

  @impl GenServer
  def handle_call({:choose_worker, session_id}, _from, workers) do
    {:reply, Map.get(workers, :erlang.phash2(session_id, @pool_size)), workers}
  end

  defp choose_worker(session_id), do: GenServer.call(__MODULE__, {:choose_worker, session_id})
end

defmodule SessionStore.Stats do
  use GenServer

  def start_link, do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def record_create, do: GenServer.cast(__MODULE__, :create)
  def record_access, do: GenServer.cast(__MODULE__, :access)
  def record_delete, do: GenServer.cast(__MODULE__, :delete)
  def get_stats, do: GenServer.call(__MODULE__, :get_stats)

  @impl GenServer
  def init(_) do
    {:ok, %{creates: 0, accesses: 0, deletes: 0, start_time: DateTime.utc_now()}}
  end

  @impl GenServer
  def handle_cast(:create, state), do: {:noreply, Map.update!(state, :creates, &(&1 + 1))}
  def handle_cast(:access, state), do: {:noreply, Map.update!(state, :accesses, &(&1 + 1))}
  def handle_cast(:delete, state), do: {:noreply, Map.update!(state, :deletes, &(&1 + 1))}

  @impl GenServer
  def handle_call(:get_stats, _from, state) do
    uptime = DateTime.diff(DateTime.utc_now(), state.start_time)
    {:reply, Map.put(state, :uptime_seconds, uptime), state}
  end
end

defmodule Measure do
  @clients 50

  def main([sessions, seconds]) do
    {:ok, _} = SessionStore.Stats.start_link()
    {:ok, _} = SessionStore.Cache.start_link()
    count = String.to_integer(sessions)
    before = resident()
    create(count)
    say("bytes_per_session", (resident() - before) / count)
    calls(count, String.to_integer(seconds))
  end

  defp create(count) do
    {microseconds, :ok} =
      :timer.tc(fn ->
        Enum.each(1..count, fn number ->
          {:ok, pid} = SessionStore.Cache.create_session(id(number))
          SessionStore.Stats.record_create()
          SessionStore.Session.put(pid, "user", number)
          SessionStore.Session.put(pid, "csrf", Base.encode16(:crypto.strong_rand_bytes(8)))
          SessionStore.Session.put(pid, "cookie", %{"path" => "/", "httpOnly" => true})
        end)
      end)

    # The last puts are done when each session has answered once.
    {:ok, last} = SessionStore.Cache.get_session(id(count))
    SessionStore.Session.all_data(last)
    say("created_per_second", count * 1_000_000 / microseconds)
  end

  defp calls(count, seconds) do
    until = System.monotonic_time(:millisecond) + seconds * 1000

    calls =
      1..@clients
      |> Enum.map(fn client -> Task.async(fn -> client(client, count, until, 0) end) end)
      |> Enum.map(&Task.await(&1, :infinity))
      |> Enum.sum()

    say("calls_per_second", calls / seconds)
  end

  # A web request: find the session, read, now and then write.
  defp client(client, count, until, done) do
    {:ok, pid} = SessionStore.Cache.get_session(id(rem(client * 7919 + done * 104_729, count) + 1))
    SessionStore.Session.get(pid, "user")
    SessionStore.Stats.record_access()
    if rem(done, 5) == 0, do: SessionStore.Session.put(pid, "views", done)

    if System.monotonic_time(:millisecond) < until,
      do: client(client, count, until, done + 1),
      else: done + 1
  end

  defp id(number), do: "sess:" <> String.pad_leading(Integer.to_string(number, 16), 32, "0")

  defp resident do
    [_, kilobytes] = Regex.run(~r/VmRSS:\s+(\d+)/, File.read!("/proc/self/status"))
    String.to_integer(kilobytes) * 1024
  end

  defp say(name, value), do: :io.format("~s ~.1f~n", [name, value * 1.0])
end

Measure.main(System.argv())
