defmodule ShakyShop.NotificationsTest do
  use ExUnit.Case

  import ShakyShop.TestHelpers

  alias ShakyShop.{Events, Mailer, Uploads}

  defmodule Stockroom do
    use ShakyShop.Events.Handler, topics: [:orders]

    @impl true
    def handle_event(:orders, {pid, order}), do: send(pid, {:label, order})
  end

  describe "the event bus" do
    test "delivers to subscribers of the topic" do
      Events.subscribe(:bus_a)
      Events.publish(:bus_a, 1)
      Events.publish(:bus_b, 2)
      assert_receive {:event, :bus_a, 1}
      refute_receive {:event, :bus_b, _payload}, 50
    end

    test "delivers once, however often one subscribes" do
      Events.subscribe(:bus_c)
      Events.subscribe(:bus_c)
      assert Events.subscriber_count(:bus_c) == 1
      Events.unsubscribe(:bus_c)
      assert Events.subscriber_count(:bus_c) == 0
    end

    test "forgets subscribers that died" do
      test_pid = self()

      subscriber =
        spawn(fn ->
          Events.subscribe(:bus_d)
          send(test_pid, :subscribed)
          Process.sleep(:infinity)
        end)

      assert_receive :subscribed
      assert Events.subscriber_count(:bus_d) == 1
      Process.exit(subscriber, :kill)
      assert eventually(fn -> Events.subscriber_count(:bus_d) == 0 end)
    end

    test "drives handler modules" do
      assert Stockroom.topics() == [:orders]
      assert Stockroom.dispatch(:orders, {self(), 17}) == :ok
      assert_receive {:label, 17}, 2_000
    end

    @tag :tmp_dir
    test "can be audited", %{tmp_dir: folder} do
      path = Path.join(folder, "audit.log")
      pid = Events.enable_audit(path, [:disputed])
      Events.publish(:disputed, %{order: 5})
      Process.sleep(50)
      assert Events.AuditLog.size() == 1
      GenServer.stop(pid)
      assert File.read!(path) == "disputed\t%{order: 5}\n"
    end
  end

  describe "the mailer" do
    test "delivers" do
      address = unique("ann@example.test")
      assert Mailer.deliver(%{to: address, subject: "Hello", body: "..."}) == :ok
      assert Mailer.sent_to(address) == ["Hello"]
    end

    test "knows its host" do
      assert Mailer.hostname() =~ ~r/\S+/
    end

    test "sends a newsletter to everybody" do
      addresses = for n <- 1..12, do: unique("reader#{n}@example.test")
      assert Mailer.broadcast(addresses, "News", "...") == :ok

      assert eventually(fn ->
               Enum.all?(addresses, &(Mailer.sent_to(&1) == ["News"]))
             end)
    end
  end

  describe "uploads" do
    @describetag :tmp_dir

    test "are stored with a preview", %{tmp_dir: folder} do
      path = Uploads.store(folder, "pot.jpg", String.duplicate("x", 100))
      assert path == Path.join(folder, "pot.jpg")
      assert File.stat!(path).size == 100
      Process.sleep(200)
      assert File.read!(path <> ".preview") == String.duplicate("x", 16)
    end

    test "are listed", %{tmp_dir: folder} do
      for name <- ["b.jpg", "a.jpg"], do: File.write!(Path.join(folder, name), name)
      assert Uploads.write_manifest(folder) == ["a.jpg", "b.jpg"]
      assert Uploads.write_manifest(folder) == ["a.jpg", "b.jpg"]
      assert File.read!(Path.join(folder, "manifest.txt")) == "a.jpg\nb.jpg\n"
    end

    test "have checksums", %{tmp_dir: folder} do
      path = Path.join(folder, "a.jpg")
      File.write!(path, "abc")
      missing = Path.join(folder, "b.jpg")
      assert Uploads.checksums([path, missing]) == %{path => 891_568_578, missing => :error}
    end

    test "are noticed", %{tmp_dir: folder} do
      {:ok, watcher} = Uploads.watch(folder, self())
      File.write!(Path.join(folder, "new.jpg"), "new")
      assert_receive {:new_file, "new.jpg"}, 2_000
      send(watcher, :stop)
      assert eventually(fn -> not Process.alive?(watcher) end)
    end
  end
end
