defmodule OtpGenesis.Report do
  @moduledoc false
  # One JSON object a line, appended to the file that OTP_GENESIS_REPORT names. Elixir has no JSON
  # before 1.18.

  @spec write(map()) :: :ok
  def write(entry) do
    File.write!(System.fetch_env!("OTP_GENESIS_REPORT"), [encode(entry), ?\n], [:append])
  end

  defp encode(value) when is_boolean(value) or is_nil(value) do
    if is_nil(value), do: "null", else: Atom.to_string(value)
  end

  defp encode(value) when is_integer(value), do: Integer.to_string(value)
  defp encode(value) when is_atom(value), do: encode(Atom.to_string(value))
  defp encode(value) when is_list(value), do: [?[, joined(value, &encode/1), ?]]
  defp encode(value) when is_map(value), do: [?{, joined(value, &encode_pair/1), ?}]

  defp encode(value) when is_binary(value) do
    text = if String.valid?(value), do: value, else: inspect(value)
    [?", for(<<character::utf8 <- text>>, do: escape(character)), ?"]
  end

  defp encode_pair({key, value}), do: [encode(key), ?:, encode(value)]

  defp joined(values, encode), do: values |> Enum.map(encode) |> Enum.intersperse(?,)

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"

  defp escape(character) when character < 32 do
    ["\\u", character |> Integer.to_string(16) |> String.pad_leading(4, "0")]
  end

  defp escape(character), do: <<character::utf8>>
end
