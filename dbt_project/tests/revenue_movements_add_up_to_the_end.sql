-- revenue at the end of a month is that at its beginning and what it did in between; looked at where this build worked
select
    months.account_key,
    months.month_start
from {{ ref('fct_account_months') }} as months
inner join {{ ref('affected_account_months') }} as affected
    on
        months.account_key = affected.account_key
        and months.month_start = affected.month_start
where
    months.arr_start + months.new_arr + months.expansion_arr - months.contraction_arr - months.churned_arr <> months.arr_end
