"""The only room with SQL. It is handed a connection, never commits, and knows neither jobs nor the vendor's client."""
