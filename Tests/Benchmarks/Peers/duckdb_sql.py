"""The same in SQL, on two threads; a template is string concatenation there. usage: IN OUT TEMPLATE"""
import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET threads = 2")
connection.execute(
    f"""
    COPY (
      SELECT [
        {{'role': 'system', 'content': 'You classify support tickets.'}},
        {{'role': 'user', 'content':
          'Classify the following ' || channel || ' ticket (priority ' || priority || ').\nSubject: ' || trim(subject) || '\n'
          || CASE WHEN amount > 1000 THEN 'High value: ' || amount ELSE 'Amount: ' || amount END
          || '\nTags: ' || array_to_string(tags, ', ') || '\n\n' || body}},
        {{'role': 'assistant', 'content': label}}
      ] AS messages
      FROM read_json('{sys.argv[1]}', format = 'newline_delimited')
    ) TO '{sys.argv[2]}' (FORMAT json)
    """
)
