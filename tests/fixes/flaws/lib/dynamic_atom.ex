defmodule ShakyShop.More.Errors do
  def to_list(fields, errors) do
    for {key, messages} <- errors,
        field = String.to_atom(key),
        field in fields,
        do: {field, messages}
  end
end
