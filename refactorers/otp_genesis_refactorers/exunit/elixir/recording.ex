defmodule OtpGenesis.Recording do
  @moduledoc false
  # Runs an expression in a test and reports what it gave: as Elixir text where it is a value that
  # can be written, and as a pattern in which all but atoms and the build of tuples is left open.

  alias OtpGenesis.Report

  @longest_text 2_000

  @spec record(String.t(), (() -> term)) :: :ok
  def record(id, function) do
    outcome =
      try do
        given(function.())
      catch
        kind, reason -> %{raised: kind |> Exception.format_banner(reason) |> String.slice(0, 200)}
      end

    Report.write(Map.merge(%{event: "recorded", id: id}, outcome))
  end

  # What a call has changed in the state of a process: the fields of a map, else all of it.
  @spec record_change(String.t(), term, (() -> term)) :: :ok
  def record_change(id, before, function) do
    state = function.()
    changes = if fields?(before) and fields?(state), do: changed(before, state), else: [{"", state}]

    for {field, value} <- changes, before != state do
      Report.write(Map.merge(%{event: "changed", id: id, field: field}, given(value)))
    end

    :ok
  catch
    # It is no longer there.
    _kind, _reason -> :ok
  end

  defp fields?(state) do
    is_map(state) and state != %{} and state |> Map.keys() |> Enum.all?(&is_atom/1)
  end

  defp changed(before, state) do
    for {field, value} <- Map.delete(state, :__struct__), Map.fetch(before, field) != {:ok, value} do
      {Atom.to_string(field), value}
    end
  end

  defp given(value), do: %{text: text(value), shape: shape(value)}

  defp text(value) do
    options = [limit: :infinity, printable_limit: :infinity, width: :infinity]
    text = inspect(value, options)

    if String.length(text) <= @longest_text and written(text) == {:ok, value} and
         not of_this_machine?(text) do
      text |> Code.format_string!(line_length: @longest_text) |> IO.iodata_to_binary()
    else
      ""
    end
  end

  # What would be another value elsewhere, or tomorrow.
  defp of_this_machine?(text) do
    {:ok, host} = :inet.gethostname()
    places = [File.cwd!(), System.tmp_dir!(), System.user_home!(), Date.to_iso8601(Date.utc_today())]
    String.contains?(text, [~s("#{host}") | Enum.filter(places, &(String.length(&1) > 1))])
  end

  # What is no value, as a pid, is inspected as a comment or as text that does not parse; what calls
  # something, as a MapSet's may, is no literal.
  defp written(text) do
    with {:ok, quoted} <- Code.string_to_quoted(text, existing_atoms_only: true),
         true <- literal?(quoted) do
      {value, _bindings} = Code.eval_quoted(quoted)
      {:ok, value}
    else
      _no_literal -> :error
    end
  rescue
    _error -> :error
  end

  defp literal?({:%{}, _meta, pairs}), do: Enum.all?(pairs, &literal?/1)
  defp literal?({:%, _meta, [{:__aliases__, _, _}, map]}), do: literal?(map)
  defp literal?({:{}, _meta, items}), do: Enum.all?(items, &literal?/1)
  defp literal?({:__aliases__, _meta, _parts}), do: true
  defp literal?({:-, _meta, [number]}), do: is_number(number)
  defp literal?({one, other}), do: literal?(one) and literal?(other)
  defp literal?(items) when is_list(items), do: Enum.all?(items, &literal?/1)
  defp literal?(value), do: is_atom(value) or is_number(value) or is_binary(value)

  defp shape(value) when is_atom(value), do: inspect(value)
  defp shape([]), do: "[]"
  defp shape(%name{}), do: "%#{inspect(name)}{}"
  defp shape(value) when is_map(value), do: "%{}"
  defp shape([_first | _rest]), do: "[_ | _]"

  defp shape(value) when is_tuple(value) do
    parts = value |> Tuple.to_list() |> Enum.map_join(", ", &part/1)
    "{#{parts}}"
  end

  defp shape(_value), do: "_"

  # A list inside a tuple may be longer or empty another time.
  defp part(value) when is_list(value), do: "_"
  defp part(value), do: shape(value)
end
